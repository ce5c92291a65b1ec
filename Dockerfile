# Built in one image and run in another, so that compilers and development packages stay out of it.
FROM node:24.9.0-bookworm AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json bundle.js bundle-client.js bundle-console.js bundle-explorer.js bundle-for-v8.js ./
COPY src ./src
COPY explorer ./explorer
COPY console ./console
RUN npm run build && npm prune --omit=dev

FROM node:24.9.0-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 DATA_DIR=/data
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY LICENSE README.md schema.graphql schema.subgraph.graphql ./
RUN install --directory --owner=node --group=node /data
USER node
VOLUME /data
EXPOSE 4000
HEALTHCHECK --start-period=15s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/health/live').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "dist/claimcheck.cjs"]
CMD ["serve"]
