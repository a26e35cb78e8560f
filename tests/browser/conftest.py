from playwright.sync_api import expect

expect.set_options(timeout=20_000)  # patience for busy machines, not a measure
