export default function Page() {
  return <h1>Next.js example</h1>;
}
