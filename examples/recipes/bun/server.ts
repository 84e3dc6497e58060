const page = (name: string) =>
  new Response(`<!doctype html><p>Hello, ${Bun.escapeHTML(name)}</p>`, {
    headers: { "Content-Type": "text/html; charset=utf-8" },
  });

Bun.serve({
  port: Number(process.env.PORT ?? 3000),
  routes: {
    "/": {
      GET: (request) => page(new URL(request.url).searchParams.get("name") ?? "Bun"),
      POST: async (request) => page(String((await request.formData()).get("name"))),
    },
    "/old": () => new Response(null, { status: 302, headers: { Location: "/" } }),
  },
});
