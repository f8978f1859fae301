# carpd in the place of the image kubernetize/ucarp: docs/replacing-the-image.md.
#
# The base needs Python 3.11 or newer with venv, and apt-get or apk where it has no `ip`. Everything of ours is pure
# Python, so what the first stage builds on the machine at hand fits every platform of the second.
ARG BASE=docker.io/library/python:3.13-slim

FROM --platform=$BUILDPLATFORM ${BASE} AS build
# What pip shall be told, if it is not to ask PyPI.
ARG PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_CERT
COPY pyproject.toml README.md LICENSE /src/
COPY src /src/src
COPY sim /src/sim
RUN python3 -m venv /tools \
 && python3 -m venv --without-pip /opt/carpd \
 && /tools/bin/pip --python /opt/carpd/bin/python3 install --no-cache-dir --no-compile /src
# The simulator, the demonstration, the tests of trio, and what of pyroute2 is not rtnetlink: nothing of it is loaded.
RUN cd /opt/carpd/lib/python3*/site-packages \
 && rm -rf carpsim triocarp/demo triocarp/lab trio/_tests trio/testing \
 && find pyroute2 -mindepth 1 -maxdepth 1 ! -name __init__.py ! -name common.py ! -name config ! -name netlink \
      -exec rm -rf {} + \
 && find pyroute2/netlink -mindepth 1 -maxdepth 1 ! -name '*.py' ! -name rtnl -exec rm -rf {} + \
 && /opt/carpd/bin/python3 -c 'import triocarp.daemon.main, triocarp.daemon.environment, triocarp.daemon.config_file; \
      import triocarp.daemon.journalling, triocarp.daemon.health_check; \
      from triocarp.linux import policy_routes; policy_routes._message("rtmsg"), policy_routes._message("fibmsg")' \
 && find . -name __pycache__ -exec rm -rf {} + \
 && /opt/carpd/bin/python3 -m compileall -q --invalidation-mode unchecked-hash . \
 && find /opt/carpd/bin -mindepth 1 ! -name carpd -delete && rm -rf /opt/carpd/include

FROM ${BASE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="carpd" \
      org.opencontainers.image.description="Keeps a virtual IP address on one of several hosts (CARP); replaces kubernetize/ucarp" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT"
# Scripts of the operator's have `ip`, as in the image that this one replaces.
RUN command -v ip >/dev/null \
 || if command -v apk >/dev/null; then apk add --no-cache iproute2-minimal; \
    else apt-get update && apt-get install -y --no-install-recommends iproute2 \
      && rm -rf /var/cache/apt/* /var/lib/apt/lists/*; fi
COPY --from=build /opt/carpd /opt/carpd
COPY image/vip-up image/vip-down image/vip-network /usr/share/carpd/
# A user other than root gets the two capabilities from the file capabilities of a private copy of the interpreter.
# They are permitted and not yet in effect: else the kernel would refuse to start it where one is missing, without
# a word of ours. The bytes are struct vfs_cap_data of <linux/capability.h>, version 2, so no tool is needed.
RUN cp "$(readlink -f "$(command -v python3)")" /opt/carpd/bin/python3 \
 && python3 -c 'import os, struct; net_admin, net_raw = 1 << 12, 1 << 13; \
      os.setxattr("/opt/carpd/bin/python3", "security.capability", \
                  struct.pack("<5I", 0x02000000, net_admin | net_raw, 0, 0, 0))' \
 && mkdir -p /etc/ucarp
ENV PATH=/opt/carpd/bin:$PATH
USER 65534:65534
ENTRYPOINT ["/opt/carpd/bin/python3", "-I", "-m", "triocarp.daemon", "--environment"]
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["carpd", "--healthcheck"]
