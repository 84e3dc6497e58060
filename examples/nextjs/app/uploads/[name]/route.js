import { readFile } from 'node:fs/promises';
import { notFound } from 'next/navigation';
import { fileOf } from '../../../lib/uploads';

export async function GET(request, { params }) {
  const { name } = await params;
  const content = await readFile(fileOf(decodeURIComponent(name))).catch(notFound);
  return new Response(content, { headers: { 'Content-Type': 'application/octet-stream', 'Content-Disposition': 'attachment' } });
}
