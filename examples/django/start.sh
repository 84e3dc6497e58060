# A file of the image cannot be written on Lambda, so without a database of its own the app works on a copy.
if [ -z "$DATABASE_URL" ]; then
  cp db.sqlite3 "${TMPDIR:-/tmp}/db.sqlite3"
fi
exec gunicorn -c gunicorn.conf.py mysite.wsgi
