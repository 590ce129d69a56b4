document.querySelector("#app").textContent = "Vite example";
