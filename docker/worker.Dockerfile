# The render worker: gpu_worker and what it imports. No Django, no connectors, no database driver.
# Build from the checkout:  docker build -f docker/worker.Dockerfile -t vitrine-worker .
# With torch and diffusers: docker build -f docker/worker.Dockerfile --build-arg EXTRA=gpu -t vitrine-worker-gpu .

FROM python:3.11-slim-bookworm AS build
ARG EXTRA=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
WORKDIR /src
COPY pyproject.toml constraints.txt docker/worker-requirements.txt ./
RUN /venv/bin/pip install -c constraints.txt -r worker-requirements.txt
# The extra's list stands in pyproject.toml only.
RUN if [ -n "$EXTRA" ]; then \
      python -c "import sys, tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies'][sys.argv[1]], sep='\n')" \
        "$EXTRA" > extra.txt \
      && /venv/bin/pip install -c constraints.txt -r extra.txt; \
    fi

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1
RUN useradd --system --uid 10001 --home-dir /app vitrine
COPY --from=build /venv /venv
WORKDIR /app
COPY LICENSE ./
COPY gpu_worker gpu_worker
RUN python -m compileall -q gpu_worker
USER 10001:10001
CMD ["python", "-m", "gpu_worker", "work"]
