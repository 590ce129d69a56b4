import { createServer } from "node:http";

createServer((request, response) => response.end("Node example")).listen(process.env.PORT ?? 3000);
