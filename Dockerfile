# syntax=docker/dockerfile:1

# Postern as one image: `docker build -t postern .` gives the server, `--target demo` the demonstration client.
# Node runs the TypeScript as it stands, so nothing is compiled; the stages only keep npm and its cache out of the result.

ARG NODE_IMAGE=node:26-trixie-slim

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /postern
COPY package.json package-lock.json .npmrc ./
# The optional packages are Node itself, for machines without it. No install script of a dependency is run.
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM ${NODE_IMAGE} AS demo
WORKDIR /demo
COPY examples/node/package.json examples/node/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts
COPY examples/node/server.js ./
USER 1000:1000
CMD ["node", "server.js"]

FROM ${NODE_IMAGE} AS postern
LABEL org.opencontainers.image.title="Postern" \
      org.opencontainers.image.description="Self-hosted OpenID Connect provider whose main sign-in is an emailed link" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    STORE_URL=sqlite:/data/postern.db
WORKDIR /postern
COPY --from=dependencies /postern/node_modules ./node_modules
COPY package.json LICENSE ./
COPY config ./config
COPY views ./views
COPY src ./src
COPY deploy/healthcheck.mjs ./deploy/
# The files belong to root and the process is somebody else, so that it cannot change its own code. Only /data and /tmp
# are written to: the root file system may be read-only.
RUN ln -s /postern/src/cli/postern.ts /usr/local/bin/postern \
    && install -d -m 700 -o 1000 -g 1000 /data
USER 1000:1000
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["node", "deploy/healthcheck.mjs"]
CMD ["node", "src/main.ts"]
