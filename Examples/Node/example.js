// node example.js
//
// Node.js has no foreign functions without an addon, so it asks the command.

const { execFileSync } = require("node:child_process");
const net = require("node:net");

// Picks a port, which this process has until it ends.
function unusedPort() {
  return Number(execFileSync("portpicker", [String(process.pid)]));
}

const server = net.createServer();
server.listen(unusedPort(), "127.0.0.1", () => {
  console.log(`listening on port ${server.address().port}`);
  server.close();
});
