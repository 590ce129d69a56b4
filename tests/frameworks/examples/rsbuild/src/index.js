document.body.append("Rsbuild example");
