document.querySelector("h1").textContent = "First page";
