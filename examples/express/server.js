import http from 'node:http';
import { app } from './app.js';

// A site may live under a path that whoever stands in front takes off before the request comes here, and names
// in X-Forwarded-Prefix. Express then sees what it sees in an app that is mounted there: req.baseUrl.
const server = http.createServer((req, res) => {
  req.baseUrl = (req.headers['x-forwarded-prefix'] ?? '').replace(/\/$/, '');
  req.originalUrl = req.baseUrl + req.url;
  app(req, res);
});

const port = process.env.PORT ?? 8080;
server.listen(port, () => console.log(`listening on ${port}`));
process.on('SIGTERM', () => {
  console.log('stopping');
  server.close();
  server.closeIdleConnections();
});
