import * as React from "react";

export default function Page() {
  return <h1>Gatsby example</h1>;
}
