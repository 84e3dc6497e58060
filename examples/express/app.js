// A small site made with Express. Nothing in it knows where it runs.
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import cookieSession from 'cookie-session';
import express from 'express';
import multer from 'multer';

const here = import.meta.dirname;
const uploadFolder = process.env.UPLOAD_FOLDER ?? path.join(os.tmpdir(), 'uploads');
mkdirSync(uploadFolder, { recursive: true });

export const app = express();
app.set('view engine', 'ejs');
app.set('views', path.join(here, 'views'));
app.set('trust proxy', 1); // one proxy stands in front: req.ip and req.protocol are what it says

app.use('/static', express.static(path.join(here, 'public'), { maxAge: '1h' }));
app.use(express.urlencoded());
app.use(cookieSession({
  name: 'session',
  keys: [process.env.SESSION_KEY ?? randomBytes(32).toString('hex')],
  maxAge: 60 * 60 * 1000,
  sameSite: 'lax',
}));
app.use((req, res, next) => {
  req.sessionOptions.secure = req.secure;
  req.session.token ??= randomBytes(16).toString('hex');
  res.locals.base = `${req.baseUrl}/`; // for <base href>, so that links are relative
  res.locals.token = req.session.token;
  next();
});

app.get('/', (req, res) => res.render('home'));
app.get('/greet/*name', (req, res) => res.render('greet', { name: req.params.name.join('/') }));
app.get('/me', (req, res) => {
  // Not req.host: that trusts X-Forwarded-Host, which this proxy passes on as any client sends it.
  res.json({ client: req.ip, url: `${req.protocol}://${req.get('host')}${req.originalUrl}` });
});

app.route('/login')
  .get((req, res) => res.render('login'))
  .post(checkToken, (req, res) => {
    req.session.name = req.body.name;
    res.redirect(303, `${req.baseUrl}/account`);
  });
app.get('/account', (req, res) => {
  if (!req.session.name) return res.redirect(`${req.baseUrl}/login`);
  res.render('account', { name: req.session.name });
});
app.post('/logout', checkToken, (req, res) => {
  req.session = null;
  res.redirect(303, `${req.baseUrl}/`);
});

const upload = multer({
  defParamCharset: 'utf8', // names of files, which browsers send as UTF-8
  storage: multer.diskStorage({
    destination: uploadFolder,
    filename: (req, file, done) => done(null, path.basename(file.originalname)),
  }),
});
app.route('/uploads')
  .get((req, res) => res.render('uploads', { names: readdirSync(uploadFolder) }))
  .post(upload.single('file'), checkToken, (req, res) => res.redirect(303, `${req.baseUrl}/uploads`));
app.get('/uploads/:name', (req, res) => res.download(req.params.name, { root: uploadFolder }));

// Server-sent events: five ticks, one each fifth of a second.
app.get('/clock', (req, res) => {
  res.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  let ticks = 0;
  const timer = setInterval(() => {
    res.write(`data: tick ${++ticks}\n\n`);
    if (ticks === 5) res.end();
  }, 200);
  res.on('close', () => clearInterval(timer));
});

app.get('/broken', () => {
  throw new Error('this route fails on purpose');
});

app.use((req, res) => res.status(404).render('error', { title: 'Not found', message: `There is no page ${req.path}.` }));
app.use((error, req, res, next) => { // Express knows it by its four parameters
  if (res.headersSent) return next(error);
  const status = error.status ?? 500;
  if (status === 500) console.error(error);
  res.status(status).render('error', {
    title: status === 500 ? 'Internal server error' : error.message,
    message: status === 500 ? 'Something went wrong here.' : '',
  });
});

// checkToken refuses forms that this site did not make for this visitor.
function checkToken(req, res, next) {
  if (req.body?.token === req.session.token) return next();
  next(Object.assign(new Error('This form is not one of ours, or too old'), { status: 403 }));
}
