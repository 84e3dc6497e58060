// Echoes bodies, and notes every request it was given in the file SEEN.
const fs = require('node:fs');
const http = require('node:http');

const server = http.createServer((request, response) => {
  const mark = request.headers['x-mark'];
  if (mark) fs.appendFileSync(process.env.SEEN, mark + '\n');
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const body = Buffer.concat(pieces);
    const status = request.url === '/fail' ? 500 : 200;
    response.writeHead(status, {'Content-Type': 'application/octet-stream', 'Content-Length': body.length});
    response.end(body);
  });
});
server.keepAliveTimeout = Number(process.argv[3]);
server.listen(Number(process.argv[2]), '127.0.0.1');
