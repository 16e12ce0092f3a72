"""Google's Gemini, by generateContent."""
