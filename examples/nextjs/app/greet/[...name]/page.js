export default async function Greeting({ params }) {
  const { name } = await params;
  return <h1>Hello, {name.map(decodeURIComponent).join('/')}!</h1>;
}
