import { redirect } from 'next/navigation';
import { addressOf } from '../../lib/address';
import { logOut, visitor } from '../../lib/session';

async function leave() {
  'use server';
  await logOut();
  redirect(await addressOf('/login'));
}

export default async function Account() {
  const name = await visitor();
  if (!name) redirect('/login');
  return (
    <main>
      <h1>{`Your account, ${name}`}</h1>
      <form action={leave}><button>Log out</button></form>
    </main>
  );
}
