"""Where files are loaded."""

from django.urls import path

from departments.web.uploads import decide, upload, upload_list

app_name = "uploads"
urlpatterns = [
    path("", upload_list, name="list"),
    path("<int:pk>/", upload, name="one"),
    path("<int:pk>/decide/", decide, name="decide"),
]
