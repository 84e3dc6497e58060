const express = require('express');

const router = express.Router();

router.get('/', (req, res) => res.render('index', { title: 'Home' }));

router.get('/login', (req, res) => res.render('login', { title: 'Log in', message: '' }));

router.post('/login', (req, res, next) => {
  const { name, password } = req.body;
  if (!name || password !== (process.env.PASSWORD || 'tea')) {
    res.status(401).render('login', { title: 'Log in', message: 'Name or password is wrong.' });
    return;
  }
  req.session.regenerate((error) => {
    if (error) return next(error);
    req.session.user = name;
    res.cookie('last', 'login', { path: '/users', httpOnly: true });
    res.redirect('/users/me');
  });
});

router.post('/logout', (req, res, next) => {
  req.session.destroy((error) => (error ? next(error) : res.redirect('/')));
});

module.exports = router;
