"""What every Streamlit page shares: shell, session, components, charts and theme."""
