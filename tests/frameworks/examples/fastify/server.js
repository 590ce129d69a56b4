import Fastify from "fastify";

const server = Fastify();
server.get("/", async () => ({ example: "Fastify" }));
await server.listen({ host: "0.0.0.0", port: process.env.PORT ?? 3000 });
