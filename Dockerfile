# Server, client and their instrumentation in one image:  docker build -t lbstudy:dev .
#
# Versions are those of constraints.txt. PYTHON_IMAGE needs Python 3.11 or newer with venv, on glibc.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS build
# A pip of its own puts everything into /opt/lbstudy, which so has none. The constraints hold for the packages'
# build environments too.
RUN python -m venv /opt/pip && python -m venv --without-pip /opt/lbstudy
ENV PIP_CONSTRAINT=/src/constraints.txt PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# What seldom changes comes first, so that a changed line of Python leaves it in the builder's cache.
COPY constraints.txt ./
RUN /opt/pip/bin/pip --python /opt/lbstudy/bin/python install \
    opentelemetry-distro \
    opentelemetry-exporter-otlp-proto-grpc \
    opentelemetry-instrumentation-grpc \
    opentelemetry-instrumentation-system-metrics
COPY proto proto
COPY instrumentor instrumentor
COPY services services
RUN /opt/pip/bin/pip --python /opt/lbstudy/bin/python install ./instrumentor ./services

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="lbstudy" \
      org.opencontainers.image.description="Server and client of grpc-lb-study, instrumented" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/lbstudy /opt/lbstudy
# The root file system may be read-only: nothing is compiled when it runs.
ENV PATH=/opt/lbstudy/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1
# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 50051
CMD ["opentelemetry-instrument", "python", "-m", "greeter.server", "--address", "0.0.0.0:50051"]
