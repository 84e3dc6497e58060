import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';

let server, url;

before(async () => {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  await new Promise((done) => probe.close(done));
  server = spawn(process.execPath, ['server.js'], { env: { ...process.env, PORT: port, SESSION_KEY: 'key' } });
  await once(server.stdout, 'data');
  url = `http://127.0.0.1:${port}`;
});

after(() => server.kill());

for (const prefix of ['', '/v1']) {
  test(`redirects and pages under "${prefix}"`, async () => {
    const headers = { 'X-Forwarded-Prefix': prefix };
    for (const [from, to] of [['/account', '/login'], ['/static', '/static/']]) {
      const answer = await fetch(url + from, { headers, redirect: 'manual' });
      assert.equal(answer.headers.get('location'), prefix + to);
    }
    const page = await (await fetch(url, { headers })).text();
    assert.match(page, new RegExp(`<base href="${prefix}/">`));
  });
}

test('a form without the token is refused', async () => {
  const answer = await fetch(`${url}/login`, { method: 'POST', body: new URLSearchParams({ name: 'Ada' }) });
  assert.equal(answer.status, 403);
});
