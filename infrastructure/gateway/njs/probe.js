// Whether an address accepts a connection, told without sending it a byte: the server of probes
// (`probes.conf`) connects to the address that the first lines name, and here they end.
function address(s) {
  s.on("upload", function (data, _flags) {
    const found = /\r\nProbe: (\S+)\r\n/.exec(data);
    if (found) {
      s.variables.probe_address = found[1];
      s.done();
    } else if (data.length > 4096) {
      s.deny();
    }
  });
}

// Asked only once the connection stands. What arrives is dropped, because it is not sent on.
function answer(s) {
  s.on("upload", function (data) {
    if (data.length > 0) {
      s.sendDownstream("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n", { last: true });
      s.off("upload");
    }
  });
}

export default { address, answer };
