export const dynamic = 'force-dynamic';

export default function Broken() {
  throw new Error('this route fails on purpose');
}
