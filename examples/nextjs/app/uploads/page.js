import { readdir } from 'node:fs/promises';
import { folder } from '../../lib/uploads';

export const dynamic = 'force-dynamic';

const base = process.env.NEXT_PUBLIC_BASE_PATH;

export default async function Uploads() {
  const names = await readdir(folder);
  return (
    <main>
      <h1>Uploads</h1>
      <form method="post" action={`${base}/upload`} encType="multipart/form-data">
        <input type="file" name="file" required /> <button>Upload</button>
      </form>
      <ul>{names.map((name) => <li key={name}><a href={`${base}/uploads/${encodeURIComponent(name)}`}>{name}</a></li>)}</ul>
    </main>
  );
}
