import { createRoot } from "react-dom/client";

createRoot(document.getElementById("root")).render(<h1>Create React App example</h1>);
