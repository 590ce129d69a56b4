// Microsoft's own push client, led line by line over standard input and answering on standard
// output: one JSON object a line each way. Started by tests/contract/test_push.py.
import { createInterface } from "node:readline";
import {
  WebPubSubClient,
  WebPubSubJsonProtocol,
  WebPubSubJsonReliableProtocol,
} from "@azure/web-pubsub-client";

const [url, kind] = process.argv.slice(2);
const say = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);
const protocol = kind === "reliable" ? WebPubSubJsonReliableProtocol() : WebPubSubJsonProtocol();
const client = new WebPubSubClient(url, { protocol, autoReconnect: false });

client.on("connected", (e) => say({ event: "connected", id: e.connectionId, user: e.userId }));
client.on("disconnected", (e) => say({ event: "disconnected", reason: e.message?.message }));
client.on("stopped", () => say({ event: "stopped" }));
for (const from of ["group", "server"]) {
  client.on(`${from}-message`, ({ message }) => {
    const data =
      message.dataType === "binary" ? Buffer.from(message.data).toString("hex") : message.data;
    say({ event: "message", from, group: message.group, type: message.dataType, data });
  });
}

const operations = {
  join: ({ group }) => client.joinGroup(group),
  leave: ({ group }) => client.leaveGroup(group),
  send: ({ group, data, type }) => client.sendToGroup(group, data, type),
  sendBytes: ({ group, hex }) =>
    client.sendToGroup(group, Uint8Array.from(Buffer.from(hex, "hex")).buffer, "binary"),
  // The network fails: the socket is torn, without a close frame. There is no public way.
  tear: () => client._wsClient._socket.terminate(),
  stop: () => client.stop(),
};

await client.start();
for await (const line of createInterface({ input: process.stdin })) {
  const { op, ...values } = JSON.parse(line);
  try {
    await operations[op](values);
    say({ event: "done", op });
  } catch (error) {
    say({ event: "refused", op, name: error.errorDetail?.name ?? error.message });
  }
}
client.stop();
