const express = require('express');

const router = express.Router();

router.use((req, res, next) => (req.session.user ? next() : res.redirect('/login')));

router.get('/', (req, res) => res.redirect('/users/me'));

router.get('/me', (req, res) => res.render('account', { title: 'Your account' }));

module.exports = router;
