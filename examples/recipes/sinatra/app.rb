require "sinatra"

# Redirects are relative, so that the stage's prefix can be put before them.
disable :absolute_redirects

get("/") { "<!doctype html><p>Hello, #{Rack::Utils.escape_html(params.fetch("name", "Sinatra"))}</p>" }
post("/") { "<!doctype html><p>Hello, #{Rack::Utils.escape_html(params.fetch("name", "Sinatra"))}</p>" }
get("/old") { redirect "/" }
