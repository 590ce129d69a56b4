export default function Index() {
  return <h1>Remix example</h1>;
}
