# An image without privileges: a fixed user, and nothing that has to be written outside /tmp.
FROM python:3.12-slim
WORKDIR /srv/cairn
COPY requirements.lock pyproject.toml README.md ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY pathways pathways
COPY records records
COPY activities activities
COPY workflows workflows
COPY api api
COPY workers workers
RUN pip install --no-cache-dir --no-deps --no-build-isolation . && useradd --uid 10001 --no-create-home cairn
USER 10001
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 CAIRN_HOME=/tmp/cairn
STOPSIGNAL SIGTERM
CMD ["cairn", "up"]
