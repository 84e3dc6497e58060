import Link from 'next/link';
import './style.css';

export const metadata = { title: 'Guestbook' };

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>
        <nav>
          <Link href="/">Home</Link> <Link href="/greet/Ada">Greeting</Link>{' '}
          <Link href="/uploads">Uploads</Link> <Link href="/account">Account</Link>
        </nav>
        {children}
      </body>
    </html>
  );
}
