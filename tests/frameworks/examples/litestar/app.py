from litestar import Litestar, get


@get("/")
async def home() -> dict[str, str]:
    return {"example": "Litestar"}


app = Litestar([home])
