// Package telemetry sets up OpenTelemetry as the OTEL_* variables say. What is traced is otelgrpc's.
package telemetry

import (
	"context"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Shutdown sends what is left, for so long at most. What is not sent by then is lost.
type Shutdown func(atMost time.Duration)

// Start sets up tracing where an endpoint is named. Without one, nothing is traced, and enabled is false.
func Start(ctx context.Context) (shutdown Shutdown, enabled bool, err error) {
	if !wanted() {
		return func(time.Duration) {}, false, nil
	}
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return nil, false, err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	otel.SetTracerProvider(provider)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	// A Collector that is away is no error of this program, and standard error is for errors.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	return func(atMost time.Duration) {
		ctx, cancel := context.WithTimeout(context.Background(), atMost)
		defer cancel()
		_ = provider.Shutdown(ctx)
	}, true, nil
}

func wanted() bool {
	if os.Getenv("OTEL_SDK_DISABLED") == "true" || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}
