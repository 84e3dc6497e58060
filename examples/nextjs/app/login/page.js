import { redirect } from 'next/navigation';
import { addressOf } from '../../lib/address';
import { logIn } from '../../lib/session';

async function enter(form) {
  'use server';
  await logIn(form.get('name'));
  redirect(await addressOf('/account')); // of a path alone, it forgets the base path where scripts are off
}

export default function Login() {
  return (
    <main>
      <h1>Log in</h1>
      <form action={enter}>
        <input name="name" placeholder="Your name" required /> <button>Log in</button>
      </form>
    </main>
  );
}
