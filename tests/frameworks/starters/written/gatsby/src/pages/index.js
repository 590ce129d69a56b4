import * as React from "react";
import { Link } from "gatsby";

export default function IndexPage() {
  const [clicks, setClicks] = React.useState(0);
  return (
    <main>
      <h1>First page</h1>
      <button onClick={() => setClicks(clicks + 1)}>{clicks} clicks</button>
      <Link to="/about/">About</Link>
    </main>
  );
}

export const Head = () => (
  <>
    <title>My site</title>
    <link rel="icon" href="data:," />
  </>
);
