# Build: everything, then only what runs.
FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY packages/verifier/package.json packages/verifier/
RUN SCARF_ANALYTICS=false npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json nest-cli.json ./
COPY packages packages
COPY config config
COPY migrations migrations
COPY src src
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:22-bookworm-slim
LABEL org.opencontainers.image.title="Portcullis" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production \
    HOST=0.0.0.0 \
    PORT=3000 \
    PORTCULLIS_DATA_DIR=/data
WORKDIR /app
# Owned by root, and so not writable by the service.
COPY package.json LICENSE ./
COPY --from=build /app/node_modules node_modules
# node_modules/@portcullis/verifier is a link to this workspace.
COPY --from=build /app/packages/verifier/package.json packages/verifier/package.json
COPY --from=build /app/packages/verifier/dist packages/verifier/dist
COPY --from=build /app/dist dist
RUN install --directory --owner=node --group=node --mode=0700 /data
VOLUME /data
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/health/ready`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Exec form: node is PID 1 and gets Docker's SIGTERM itself. It handles that signal, and leaves no child to be waited for by
# somebody else, so an init like tini would have nothing to do.
CMD ["node", "dist/src/main.js"]
