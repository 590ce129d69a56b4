document.querySelector("#app").textContent = "Parcel example";
