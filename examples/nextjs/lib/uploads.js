import { mkdirSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export const folder = process.env.UPLOAD_FOLDER ?? path.join(os.tmpdir(), 'uploads');
mkdirSync(folder, { recursive: true });

// fileOf is where a file of this name is kept: names cannot lead out of the folder.
export const fileOf = (name) => path.join(folder, path.basename(name));
