export default function App() {
  return <h1>SolidStart example</h1>;
}
