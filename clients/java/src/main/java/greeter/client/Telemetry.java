package greeter.client;

import io.grpc.ClientInterceptor;
import io.opentelemetry.instrumentation.grpc.v1_6.GrpcTelemetry;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** OpenTelemetry as the OTEL_* variables say; without an endpoint nothing is traced. */
final class Telemetry implements AutoCloseable {
  private final OpenTelemetrySdk sdk; // null: off

  private Telemetry(OpenTelemetrySdk sdk) {
    this.sdk = sdk;
  }

  static Telemetry start(Map<String, String> environment) {
    boolean wanted = (environment.containsKey("OTEL_EXPORTER_OTLP_ENDPOINT")
            || environment.containsKey("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
        && !"true".equals(environment.get("OTEL_SDK_DISABLED"));
    if (!wanted) {
      return new Telemetry(null);
    }
    return new Telemetry(AutoConfiguredOpenTelemetrySdk.builder()
        .addPropertiesSupplier(() -> Map.of(
            "otel.exporter.otlp.protocol", "grpc",
            "otel.metrics.exporter", "none",
            "otel.logs.exporter", "none",
            "otel.propagators", "tracecontext"))
        .disableShutdownHook()
        .build()
        .getOpenTelemetrySdk());
  }

  /** What a channel needs for its RPCs to be traced. */
  List<ClientInterceptor> interceptors() {
    if (sdk == null) {
      return List.of();
    }
    return List.of(GrpcTelemetry.builder(sdk)
        .setCapturedClientRequestMetadata(List.of(Load.SCHEDULED.name()))
        .build()
        .createClientInterceptor());
  }

  /** Sends what is left, for some seconds at most. */
  @Override
  public void close() {
    if (sdk != null) {
      sdk.shutdown().join(5, TimeUnit.SECONDS);
    }
  }
}
