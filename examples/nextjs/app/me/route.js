// What the site knows about the client. The proxy in front adds its client's address at the end of
// X-Forwarded-For; what stands before it can be made up by anyone, and so can X-Forwarded-Host.
export function GET(request) {
  const header = (name) => request.headers.get(name) ?? '';
  return Response.json({
    client: header('x-forwarded-for').split(',').at(-1).trim(),
    url: `${header('x-forwarded-proto') || 'http'}://${header('host')}${process.env.NEXT_PUBLIC_BASE_PATH}/me`,
  });
}
