import * as React from "react";

export default function AboutPage() {
  return <h1>Second page</h1>;
}

export const Head = () => <title>About my site</title>;
