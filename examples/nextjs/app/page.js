import Image from 'next/image';
import logo from '../public/logo.svg';
import Clock from './clock';

export default function Home() {
  return (
    <main>
      <h1>Guestbook</h1>
      <Image src={logo} alt="A book" width={64} height={64} />
      <p>The clock of the server:</p>
      <Clock />
    </main>
  );
}
