import { writeFile } from 'node:fs/promises';
import { fileOf } from '../../lib/uploads';

export async function POST(request) {
  const origin = request.headers.get('origin');
  if (origin && new URL(origin).host !== request.headers.get('host')) {
    return new Response('This form is not one of ours.', { status: 403 });
  }
  const file = (await request.formData()).get('file');
  await writeFile(fileOf(file.name), Buffer.from(await file.arrayBuffer()));
  // A path, not a URL made of request.url: that names the address the server listens on.
  return new Response(null, { status: 303, headers: { Location: `${process.env.NEXT_PUBLIC_BASE_PATH}/uploads` } });
}
