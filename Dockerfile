# Server, client and their instrumentation in one image:  docker build -t lbstudy:dev .
# The study itself on top of that, to be run in a cluster: docker build -t lbstudy-study:dev --target study .
#
# Versions are those of constraints.txt. PYTHON_IMAGE needs Python 3.11 or newer with venv, on glibc.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
# A separate pip installs everything into /opt/lbstudy, which therefore has no pip. The constraints also hold for the
# packages' build environments.
RUN python -m venv /opt/pip && python -m venv --without-pip /opt/lbstudy
ENV PIP_CONSTRAINT=/src/constraints.txt PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# What seldom changes comes first, so that a changed line of Python leaves it in the builder's cache.
COPY constraints.txt ./
# dnspython is for the observer: a run starts it in this image.
RUN /opt/pip/bin/pip --python /opt/lbstudy/bin/python install \
    dnspython \
    opentelemetry-distro \
    opentelemetry-exporter-otlp-proto-grpc \
    opentelemetry-instrumentation-grpc \
    opentelemetry-instrumentation-system-metrics
COPY proto proto
COPY instrumentor instrumentor
COPY services services
RUN /opt/pip/bin/pip --python /opt/lbstudy/bin/python install ./instrumentor ./services

FROM build AS build-study
COPY README.md pyproject.toml ./
COPY study study
COPY otel-collector otel-collector
COPY jaeger jaeger
COPY prometheus prometheus
COPY grafana grafana
RUN /opt/pip/bin/pip --python /opt/lbstudy/bin/python install .

FROM ${PYTHON_IMAGE} AS server
LABEL org.opencontainers.image.title="lbstudy" \
      org.opencontainers.image.description="Server and client of grpc-lb-study, instrumented" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/lbstudy /opt/lbstudy
# The root file system may be read-only, so nothing is compiled at run time.
ENV PATH=/opt/lbstudy/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
EXPOSE 50051
CMD ["opentelemetry-instrument", "python", "-m", "greeter.server", "--address", "0.0.0.0:50051"]

# The control plane has its own image, with what it needs to watch a cluster.
FROM build AS build-push
RUN /opt/pip/bin/pip --python /opt/lbstudy/bin/python install "./services[kubernetes]"

FROM server AS push
LABEL org.opencontainers.image.title="lbstudy-push" \
      org.opencontainers.image.description="An xDS control plane that pushes Ready servers to gRPC clients"
COPY --from=build-push /opt/lbstudy /opt/lbstudy
EXPOSE 18000
CMD ["opentelemetry-instrument", "python", "-m", "endpoint_push", "--address", "0.0.0.0:18000", "--kubernetes"]

FROM server AS study
LABEL org.opencontainers.image.title="lbstudy-study" \
      org.opencontainers.image.description="grpc-lb-study, to be run in a cluster"
COPY --from=build-study /opt/lbstudy /opt/lbstudy
CMD ["lbstudy", "--help"]

# The last stage is built without --target.
FROM server
