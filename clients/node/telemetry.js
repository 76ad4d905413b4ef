'use strict';

// OpenTelemetry as the OTEL_* variables say. It has to be set up before @grpc/grpc-js is loaded, which it wraps.

const environment = process.env;
const wanted =
  (environment.OTEL_EXPORTER_OTLP_ENDPOINT || environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) &&
  environment.OTEL_SDK_DISABLED !== 'true';

/** Sends what is left, for some seconds at most. */
let shutdown = async () => {};

if (wanted) {
  const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-grpc');
  const { registerInstrumentations } = require('@opentelemetry/instrumentation');
  const { GrpcInstrumentation } = require('@opentelemetry/instrumentation-grpc');
  const { defaultResource, detectResources, envDetector } = require('@opentelemetry/resources');
  const { BatchSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');

  const provider = new NodeTracerProvider({
    resource: defaultResource().merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  registerInstrumentations({
    instrumentations: [
      new GrpcInstrumentation({
        metadataToSpanAttributes: { client: { requestMetadata: ['x-scheduled-unix-nano'] } },
      }),
    ],
  });
  shutdown = async () => {
    const late = new Promise((resolve) => setTimeout(resolve, 5000).unref());
    await Promise.race([provider.shutdown().catch(() => {}), late]);
  };
}

module.exports = { shutdown: () => shutdown() };
