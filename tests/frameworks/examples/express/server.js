import express from "express";

const app = express();
app.get("/", (request, response) => response.send("Express example"));
app.listen(process.env.PORT ?? 3000);
